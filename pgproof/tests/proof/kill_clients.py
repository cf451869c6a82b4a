"""Clients for the kill driver; they run in processes of their own, which import this module."""

import psycopg


def four_inserts(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO item VALUES (1, 'simple')")
        connection.execute("INSERT INTO item VALUES (%s, %s)", [2, "extended"])
        connection.execute("INSERT INTO item VALUES (%s, %s)", [3, "prepared"], prepare=True)
        connection.execute("INSERT INTO item VALUES (4, 'simple')")


def one_pipeline(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection, connection.pipeline():
        for number in (1, 2, 3):
            connection.execute("INSERT INTO item VALUES (%s, 'x')", [number])


def one_transaction(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO item VALUES (1, 'a')")
        connection.execute("INSERT INTO item VALUES (2, 'b')")


def every_protocol(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as first, psycopg.connect(url, autocommit=True) as second:
        first.execute("SELECT 1")
        second.execute("SELECT %s::int", [2])
        for value in (3, 4):
            first.execute("SELECT %s::int + 0", [value], prepare=True)
        with second.pipeline():
            second.execute("SELECT 5")
            second.execute("SELECT 6")
        with second.transaction():
            second.execute("SELECT 7; SELECT 8")
        with first.cursor().copy("COPY item FROM STDIN") as copy:
            copy.write_row((9, "copied"))


def waits_for_a_lock(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(7)")


def rerunnable(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(1)")
        connection.execute("CREATE TABLE IF NOT EXISTS tag (id integer PRIMARY KEY, label text)")
        connection.execute("INSERT INTO tag VALUES (%s, %s) ON CONFLICT DO NOTHING", [1, "one"])
        with connection.transaction():
            connection.execute("INSERT INTO tag VALUES (2, 'two') ON CONFLICT DO NOTHING")


def fails_when_run_again(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(1)")
        connection.execute("CREATE TABLE tag (id integer)")
        connection.execute("INSERT INTO tag VALUES (1)")


def counts_twice_when_run_again(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(1)")
        connection.execute("INSERT INTO item VALUES ((SELECT count(*) FROM item), 'again')")


def fails(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SELECT no_such_column")
