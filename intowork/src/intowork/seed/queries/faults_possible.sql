-- True where none of the three uniqueness rules of the critical migration exists yet.
SELECT NOT EXISTS (
       SELECT FROM pg_index AS i
        WHERE i.indrelid = ANY ('{public.job_applications,public.accounts,public.skills}'::regclass[])
          AND i.indisunique AND NOT i.indisprimary)
