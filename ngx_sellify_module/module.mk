module: ## the nginx module for the installed nginx
	@echo "module: no source yet"
