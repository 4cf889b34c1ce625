"""The README's quickstart as a verb, through the published SDK."""

from infra.demo.verb import demo as demo
