"""Never change a step that was released: expand first, contract a release later."""
