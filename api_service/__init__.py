"""HTTP in, jobs out. Holds no model code and no state that another replica needs."""
