-- A shop as it grows by itself: small enough to load at once, and with faults that nobody planned.
CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE products (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    price numeric(10, 2) NOT NULL CHECK (price >= 0),
    stock integer NOT NULL DEFAULT 0
);
CREATE TABLE favourites (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    product_id bigint NOT NULL REFERENCES products,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers,
    placed_at timestamp NOT NULL DEFAULT now(),
    shipped boolean
);
CREATE INDEX orders_placed ON orders (placed_at);
CREATE INDEX orders_placed_again ON orders (placed_at);
CREATE TABLE price_list_import (line text);

INSERT INTO customers (email, name)
SELECT format('customer%s@shop.example', n), format('Customer %s', n) FROM generate_series(1, 1000) AS n;
INSERT INTO products (name, price, stock)
SELECT format('Product %s', n), n, n % 50 FROM generate_series(1, 200) AS n;
-- Every customer likes three products; seven of them pressed the button twice, and two requests were under way.
INSERT INTO favourites (customer_id, product_id)
SELECT customer, 1 + (customer * 7 + n * 31) % 200 FROM generate_series(1, 1000) AS customer, generate_series(1, 3) AS n;
INSERT INTO favourites (customer_id, product_id)
SELECT customer_id, product_id FROM favourites WHERE id % 400 = 0;
INSERT INTO orders (customer_id, placed_at, shipped)
SELECT 1 + n % 1000, timestamp '2026-01-01 08:00' + n * interval '5 minutes', n % 3 = 0
FROM generate_series(1, 4000) AS n;
INSERT INTO price_list_import SELECT format('%s;%s', n, n * 2) FROM generate_series(1, 20) AS n;
-- The rows of this session are counted before VACUUM counts them, and not once more after it.
DO $$ BEGIN PERFORM pg_stat_force_next_flush(); END $$;
VACUUM ANALYZE;
