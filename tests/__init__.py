"""The tests: unit, contract (of the ports), integration (through the handlers), e2e, architecture."""
