-- The same with lz4 in place of pglz.
\ir ../plpgsql_statement/setup.sql
ALTER TABLE audit ALTER old SET COMPRESSION lz4, ALTER new SET COMPRESSION lz4;
