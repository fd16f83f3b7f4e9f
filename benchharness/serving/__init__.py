"""What stands between a measured model and its users: a server, its parity, releases, versions."""
