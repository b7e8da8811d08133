"""Long random runs with stalls and resets, and their functional coverage."""
