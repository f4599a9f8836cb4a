{{/*
The namespace of the platform. It is fixed, because injected sidecars connect to the manager there.
*/}}
{{- define "branchline.namespace" -}}
branchline-system
{{- end }}

{{/*
Labels by which Services, policies and monitors select the pods of a component.
The argument is the component's name.
*/}}
{{- define "branchline.selectorLabels" -}}
app.kubernetes.io/name: branchline
app.kubernetes.io/component: {{ . }}
{{- end }}

{{/*
Labels of every object. Arguments: root (the root context) and component (a name).
*/}}
{{- define "branchline.labels" -}}
{{ include "branchline.selectorLabels" .component }}
app.kubernetes.io/part-of: branchline
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{/*
A component's image. Arguments: root (the root context) and image (the component's image values).
*/}}
{{- define "branchline.image" -}}
{{- with .root.Values.image.registry }}{{ . }}/{{ end }}
{{- .image.repository }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- with .image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/*
"true" if this cluster runs a relay, otherwise empty.
*/}}
{{- define "branchline.runsRelay" -}}
{{- if and .Values.relay.enabled (not .Values.relay.address) }}true{{ end }}
{{- end }}

{{/*
The address at which managers reach the relay; empty if there is no relay.
*/}}
{{- define "branchline.relayAddress" -}}
{{- if .Values.relay.address }}
{{- .Values.relay.address }}
{{- else if .Values.relay.enabled -}}
ws://branchline-relay.{{ include "branchline.namespace" . }}.svc.cluster.local:25090
{{- end }}
{{- end }}

{{/*
The environment variable that holds the token which managers present to the relay.
*/}}
{{- define "branchline.relayTokenVariable" -}}
- name: BRANCHLINE_RELAY_TOKEN
  valueFrom:
    secretKeyRef:
      {{- if .Values.relayToken.value }}
      name: branchline-relay-token
      key: token
      {{- else }}
      name: {{ required "relayToken.secret is empty: name the Secret that holds the relay token" .Values.relayToken.secret | quote }}
      key: {{ required "relayToken.key is empty: name the key of the relay token in its Secret" .Values.relayToken.key | quote }}
      {{- end }}
{{- end }}

{{/*
The probes of a component, all on its admin port.
*/}}
{{- define "branchline.probes" -}}
startupProbe:
  httpGet:
    path: /livez
    port: admin
  periodSeconds: 1
  failureThreshold: 60
readinessProbe:
  httpGet:
    path: /readyz
    port: admin
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 2
# A process that is slow because it lacks CPU is not dead.
livenessProbe:
  httpGet:
    path: /livez
    port: admin
  periodSeconds: 10
  timeoutSeconds: 10
  failureThreshold: 3
{{- end }}

{{/*
The namespaces that may read metrics, as peers of a NetworkPolicy.
*/}}
{{- define "branchline.metricsPeers" -}}
- namespaceSelector:
    matchLabels:
      {{- if .Values.networkPolicy.metricsFrom }}
      {{- toYaml .Values.networkPolicy.metricsFrom | nindent 6 }}
      {{- else }}
      kubernetes.io/metadata.name: monitoring
      {{- end }}
{{- end }}
