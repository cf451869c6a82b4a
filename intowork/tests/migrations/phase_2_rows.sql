-- A small phase 2 with the faults that the critical migration has to mend: duplicates of every kind.
INSERT INTO users (email, role, first_name, last_name, created_at)
SELECT 'user' || i || '@example.org', (CASE WHEN i <= 40 THEN 'candidate' ELSE 'employer' END)::userrole, 'Ada', 'Byron',
       timestamptz '2025-01-01' + i * interval '1 hour'
FROM generate_series(1, 60) AS i;
INSERT INTO candidates (user_id) SELECT id FROM users WHERE role = 'candidate';
INSERT INTO companies (name) SELECT 'Company ' || i FROM generate_series(1, 5) AS i;
INSERT INTO employers (user_id, company_id) SELECT id, 1 + id % 5 FROM users WHERE role = 'employer';
INSERT INTO jobs (employer_id, company_id, title, description, job_type, location_type, location, status, posted_at)
SELECT 1 + i % 20, 1 + i % 5, 'Job ' || i, 'What to do', 'full_time', 'remote', 'Paris',
       (CASE WHEN i % 3 = 0 THEN 'draft' ELSE 'published' END)::jobstatus, timestamptz '2025-06-01' + i * interval '1 hour'
FROM generate_series(1, 50) AS i;
-- Each pair of candidate and job once ...
INSERT INTO job_applications (job_id, candidate_id, status, applied_at, notes)
SELECT 1 + i % 50, 1 + i % 40, (enum_range(NULL::applicationstatus))[1 + i % 6],
       timestamptz '2025-07-01' + i * interval '1 minute', 'note ' || i
FROM generate_series(1, 200) AS i;
-- ... every fifth twice, and every tenth of them a third time.
INSERT INTO job_applications (job_id, candidate_id, status, applied_at, cover_letter)
SELECT job_id, candidate_id, (enum_range(NULL::applicationstatus))[1 + (id + 3) % 6], applied_at + interval '1 day', 'again'
FROM job_applications WHERE id % 5 = 0;
INSERT INTO job_applications (job_id, candidate_id, status, applied_at)
SELECT job_id, candidate_id, 'applied', NULL FROM job_applications WHERE id % 10 = 0 AND id <= 200;
INSERT INTO notifications (user_id, type, title, message, related_job_id, related_application_id)
SELECT 41 + id % 20, 'new_application', 'A new application', 'Have a look', job_id, id FROM job_applications;
INSERT INTO accounts (user_id, type, provider, provider_account_id, access_token, created_at)
SELECT i, 'oauth', 'google', 'g' || i, 'token ' || i, timestamptz '2025-02-01' FROM generate_series(1, 20) AS i;
-- One user linked the same account twice, two users share one, and one of those links has no date.
INSERT INTO accounts (user_id, type, provider, provider_account_id, created_at)
VALUES (3, 'oauth', 'google', 'g3', timestamptz '2025-03-01'), (9, 'oauth', 'google', 'g7', timestamptz '2025-01-01'),
       (12, 'oauth', 'google', 'g11', NULL);
INSERT INTO skills (candidate_id, name, level, category)
SELECT 1 + i % 40, 'Skill ' || i, 1 + i % 5, 'technical' FROM generate_series(1, 80) AS i;
INSERT INTO skills (candidate_id, name, level, category)
SELECT candidate_id, upper(name), 5, category FROM skills WHERE id % 8 = 0;
INSERT INTO experiences (candidate_id, title, company, start_date) SELECT id, 'Engineer', 'Company', '2020-01' FROM candidates;
INSERT INTO sessions (user_id, session_token, expires)
SELECT 1 + i % 60, 'session ' || i, timestamptz '2025-01-01' + i * interval '1 day' FROM generate_series(1, 100) AS i;
