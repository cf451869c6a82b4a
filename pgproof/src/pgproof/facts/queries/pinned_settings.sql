-- Settings that change the text PostgreSQL prints for a value or a definition, pinned until the transaction ends.
SELECT set_config('search_path', 'pg_catalog', true),
       set_config('quote_all_identifiers', 'off', true),
       set_config('TimeZone', 'UTC', true),
       set_config('DateStyle', 'ISO, YMD', true),
       set_config('IntervalStyle', 'iso_8601', true),
       set_config('extra_float_digits', '3', true),
       set_config('bytea_output', 'hex', true),
       set_config('lc_monetary', 'C', true),
       -- A policy that hides rows from this role becomes an error instead of rows silently left out.
       set_config('row_security', 'off', true),
       -- Compiling takes longer than any of the statements that read the catalog.
       set_config('jit', 'off', true)
