-- A table of the same shape, to copy the rows into: the base of W4.
CREATE TABLE item_copy (LIKE :table INCLUDING ALL);
