"""Stand-in portals: local servers that speak as the portals do, fed from one synthetic region."""
