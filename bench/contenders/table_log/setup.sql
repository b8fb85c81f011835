-- Old and new rows in a table of the same columns, with the database user.
CREATE EXTENSION table_log;
SELECT table_log_init(5, 'public', :'table', 'public', :'table' || '_log');
