"""A page of the shop as many are written: each customer with the favourites."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop_database import engine
from shop_models import Customer

with Session(engine) as session:
    for customer in session.scalars(select(Customer).order_by(Customer.id).limit(50)):
        print(customer.name, len(customer.favourites))
