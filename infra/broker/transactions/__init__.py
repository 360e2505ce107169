"""Transactions: who may write in them, and how they are decided and carried out."""
