"""The Streamlit dashboard: reads bundles and draws."""
