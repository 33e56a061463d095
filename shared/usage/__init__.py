"""Who used which model how much: counted where jobs end, kept by day. Nothing of it leaves the system."""
