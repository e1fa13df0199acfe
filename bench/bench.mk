bench: all ## requests per second and CPU per request beside `return 200`
	@BUILD=$(abspath $(BUILD)) bench/http
