-- Nothing can be relied on.
\i 4_neglected.sql
CREATE TABLE logins (
    customer_id bigint NOT NULL REFERENCES customers,
    provider text NOT NULL,
    provider_account_id text NOT NULL,
    access_token text,
    refresh_token text
);
INSERT INTO logins SELECT 1 + n % 2000, 'google', 'account' || n, 'ya29.' || md5(n::text) || 'AbC', '1//' || md5(n::text) || 'Xyz'
FROM generate_series(1, 3000) n;
INSERT INTO logins SELECT 1 + n % 2000, 'google', 'account' || n, 'ya29.' || md5(n::text) || 'AbC', '1//' || md5(n::text) || 'Xyz'
FROM generate_series(1, 40) n;
CREATE TABLE password_resets (
    email text NOT NULL,
    token text NOT NULL,
    expires_at timestamptz NOT NULL
);
INSERT INTO password_resets SELECT 'c' || n || '@example.org', 'tok' || n, now() - interval '90 days' FROM generate_series(1, 4000) n;
CREATE TABLE coupons (id smallserial PRIMARY KEY, code text, used boolean);
INSERT INTO coupons (code) SELECT 'C' || n FROM generate_series(1, 30000) n;
