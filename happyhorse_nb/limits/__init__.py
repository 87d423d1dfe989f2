"""What the jobs of an account share: its requests a minute, its slots, its budget."""
