"""Identity: organizations, their people, how they sign in and how they are found. It calls no other service."""
