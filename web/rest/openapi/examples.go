package openapi

// ExampleOf gives a document of a kind as people type it; empty: there is none.
func ExampleOf(kind string) string {
	return map[string]string{"app": typedApp, "choreo": typedChoreo, "manifest": typedManifest, "tags": typedTags, "envs": typedEnvs}[kind]
}

// Documents as people type them and as the API shows them. A test holds them against the schemas.
const (
	typedApp = `{
  "name": "http_server",
  "toProcess": "python3",
  "workingDirectory": "",
  "envs": {"LANG": "C.UTF-8"},
  "args": ["http_server.py", "${PORT}"],
  "ports": [0],
  "killSignal": 15,
  "uris": ["bucket:artifacts/http_server.py"],
  "healthChecks": [{"protocol": "HTTP", "path": "/", "portIndex": 0, "initialDelaySeconds": 5, "intervalSeconds": 20, "timeoutSeconds": 5, "maxConsecutiveFailures": 3}],
  "resAlloc": {"cpus": 0.5, "mem": "256MiB"}
}`
	shownApp = `{
  "name": "http_server",
  "toProcess": "python3",
  "workingDirectory": "",
  "envs": {},
  "args": ["http_server.py", "${PORT}"],
  "ports": [0],
  "killSignal": 15,
  "uris": [],
  "healthChecks": [],
  "resAlloc": null,
  "start": true,
  "status": {"state": "running", "wanted": 5, "placed": 5, "running": 5, "healthy": 5, "unhealthy": 0, "unknown": 0, "reasons": []}
}`
	typedChoreo = `{
  "app": "http_server",
  "query": "tags:ssd AND os.cpus:>=4",
  "scale": 5,
  "update": {"maxParallel": 2}
}`
	typedManifest = `{
  "node": "n1",
  "apps": [
    {
      "app": {"name": "hello", "toProcess": "python3 -m http.server", "args": ["${PORT}"], "ports": [0]},
      "count": 2
    }
  ]
}`
	typedTags   = `["ssd", "zone:b"]`
	typedEnvs   = `{"REGION": "cn-east"}`
	shownChoreo = `{
  "app": "http_server",
  "query": "tags:ssd AND os.cpus:>=4",
  "scale": 5,
  "dist": [{"node": "n1", "count": 3}, {"node": "n2", "count": 2}]
}`
)
