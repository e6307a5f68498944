"""The whole desk in a storm: real channels against emulated vendors, while its processes and its server are killed."""
