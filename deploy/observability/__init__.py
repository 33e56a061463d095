"""Dashboards, alert rules, and what Prometheus and Grafana read at their start."""
