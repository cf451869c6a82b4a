"""The shop's models: nearly what the database is."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    Numeric,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """The declarative base, with the types that the database has."""

    type_annotation_map = {int: BigInteger, str: Text, datetime: DateTime(timezone=True), Decimal: Numeric(10, 2)}


class Customer(Base):
    """Somebody who buys."""

    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    favourites: Mapped[list[Favourite]] = relationship(cascade="all, delete-orphan")


class Product(Base):
    """Something to sell."""

    __tablename__ = "products"
    __table_args__ = (CheckConstraint("price >= 0"),)
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str]
    price: Mapped[Decimal]
    stock: Mapped[int] = mapped_column(Integer, server_default="0")


class Favourite(Base):
    """A product that a customer likes; nobody likes one twice."""

    __tablename__ = "favourites"
    __table_args__ = (UniqueConstraint("customer_id", "product_id"),)
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
