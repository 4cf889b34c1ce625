"""Chat and embedding models behind two protocols; SDKs are imported on first use."""
