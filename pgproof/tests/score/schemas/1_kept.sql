-- A shop whose database says what its rows must be.
CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX customers_email ON customers (lower(email));
CREATE TABLE products (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku text NOT NULL UNIQUE,
    price numeric(12, 2) NOT NULL CHECK (price >= 0),
    active boolean NOT NULL DEFAULT true
);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers ON DELETE RESTRICT,
    placed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX orders_customer_id_placed_at ON orders (customer_id, placed_at);
CREATE TABLE order_lines (
    order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    product_id bigint NOT NULL REFERENCES products ON DELETE RESTRICT,
    quantity integer NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, product_id)
);
CREATE INDEX order_lines_product_id ON order_lines (product_id);
CREATE TABLE discounts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id bigint NOT NULL REFERENCES products ON DELETE CASCADE,
    valid_from date NOT NULL,
    valid_until date NOT NULL,
    CHECK (valid_from <= valid_until)
);
CREATE INDEX discounts_product_id ON discounts (product_id);
INSERT INTO customers (email) SELECT 'c' || n || '@example.org' FROM generate_series(1, 2000) n;
INSERT INTO products (sku, price) SELECT 'P' || n, n FROM generate_series(1, 200) n;
INSERT INTO orders (customer_id) SELECT 1 + n % 2000 FROM generate_series(1, 5000) n;
INSERT INTO order_lines SELECT 1 + n % 5000, 1 + (n * 7 + n / 5000) % 200, 1 + n % 3 FROM generate_series(1, 10000) n ON CONFLICT DO NOTHING;
INSERT INTO discounts (product_id, valid_from, valid_until) SELECT n, '2026-01-01', '2026-02-01' FROM generate_series(1, 100) n;
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET statement_timeout = %L', current_database(), '30s');
    EXECUTE format('ALTER DATABASE %I SET lock_timeout = %L', current_database(), '5s');
    EXECUTE format('ALTER DATABASE %I SET idle_in_transaction_session_timeout = %L', current_database(), '60s');
END $$;
