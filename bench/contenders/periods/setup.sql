-- System versioning as in the SQL standard: old rows go to a history table, without actor or index.
CREATE EXTENSION periods CASCADE;
SELECT periods.add_system_time_period(:'table');
SELECT periods.add_system_versioning(:'table');
