"""The gateway's own tools, which models call as functions while a request is served."""
