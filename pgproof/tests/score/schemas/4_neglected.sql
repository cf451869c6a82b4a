-- Faults have reached the rows.
\i 3_grown.sql
CREATE TABLE favourites (
    id serial PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    product_id bigint NOT NULL REFERENCES products,
    created_at timestamptz DEFAULT now()
);
INSERT INTO favourites (customer_id, product_id) SELECT 1 + n % 2000, 1 + n % 200 FROM generate_series(1, 2000) n;
INSERT INTO favourites (customer_id, product_id) SELECT 1 + n % 2000, 1 + n % 200 FROM generate_series(1, 60) n;
UPDATE discounts SET valid_until = '2025-01-01' WHERE id <= 10;
ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey;
INSERT INTO orders (customer_id, placed_at) SELECT 100000 + n, now() FROM generate_series(1, 30) n;
ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers NOT VALID;
