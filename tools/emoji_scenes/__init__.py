"""Emoji scenes: seeded pictures composed of Noto Color Emoji, each object with a name and an exact mask."""
