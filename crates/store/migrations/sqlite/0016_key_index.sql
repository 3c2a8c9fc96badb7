-- Nothing: SQLite takes the index that has most of the columns.
SELECT 1;
