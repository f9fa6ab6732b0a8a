"""Events: what has changed, found in the streams of the tables, kept in the audit table and sent to the event bus."""
