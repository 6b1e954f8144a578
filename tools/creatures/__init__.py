"""Creatures told apart by their parts: seeded pictures in FunnyBirds' layout, with every part and object removable."""
