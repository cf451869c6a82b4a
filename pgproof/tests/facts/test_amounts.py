from pgproof.facts.amounts import amount


def test_an_amount_agrees_with_its_number() -> None:
    assert [amount(number, "row") for number in (0, 1, 2, 5_000, 0.6)] == [
        *("0 rows", "1 row", "2 rows", "5,000 rows", "1 row")
    ]
    assert [amount(number, "process opens", "processes open") for number in (1, 3)] == [
        *("1 process opens", "3 processes open")
    ]
