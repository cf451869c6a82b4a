-- Grown by many hands: nothing is lost, much is unsaid.
\i 2_young.sql
CREATE INDEX customers_id ON customers (id);
CREATE INDEX products_sku ON products (sku);
ALTER TABLE products DROP CONSTRAINT products_price_check, ALTER COLUMN active DROP NOT NULL;
ALTER TABLE orders ALTER COLUMN placed_at TYPE timestamp;
ALTER TABLE discounts DROP CONSTRAINT discounts_check;
CREATE TABLE visits (
    customer_id bigint REFERENCES customers,
    payload json,
    seen_at timestamp
);
INSERT INTO visits SELECT 1 + n % 2000, '{}', now() FROM generate_series(1, 5000) n;
