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

{{/*
"true" if the relay has a database, and so coordinators and workers; otherwise empty: one process with both roles.
*/}}
{{- define "branchline.hasCoordinators" -}}
{{- if and (include "branchline.runsRelay" .) .Values.relay.databaseUrl.secret }}true{{ end }}
{{- end }}

{{/*
An environment variable from a Secret. Arguments: name and from (secret and key).
*/}}
{{- define "branchline.secretVariable" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .from.secret | quote }}
      key: {{ .from.key | quote }}
{{- end }}

{{/*
Environment variables of the relay that both roles read.
*/}}
{{- define "branchline.relayVariables" -}}
- name: BRANCHLINE_DOMAIN
  value: {{ .Values.relay.domain | quote }}
- name: BRANCHLINE_PUBLIC_URL
  value: {{ .Values.relay.publicUrl | default (printf "http://%s:8080" .Values.relay.domain) | quote }}
{{- with .Values.relay.settings }}
- name: BRANCHLINE_SETTINGS
  value: {{ toJson . | quote }}
{{- end }}
{{- with .Values.relay.allowTargets }}
- name: BRANCHLINE_ALLOW_TARGETS
  value: {{ join "," . | quote }}
{{- end }}
{{- with .Values.logLevel }}
- name: LOG_LEVEL
  value: {{ . }}
{{- end }}
{{- end }}

{{/*
The environment variable with the API key of all rights. Without a Secret no key is made, because others read logs.
*/}}
{{- define "branchline.ownerKeyVariable" -}}
{{- if .Values.relay.ownerKey.secret -}}
{{ include "branchline.secretVariable" (dict "name" "BRANCHLINE_OWNER_KEY" "from" .Values.relay.ownerKey) }}
{{- else -}}
- name: BRANCHLINE_OWNER_KEY
  value: none
{{- end }}
{{- end }}

{{/*
An affinity by which the pods of a component prefer different nodes. The argument is the component's name.
*/}}
{{- define "branchline.spread" -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "branchline.selectorLabels" . | nindent 12 }}
{{- end }}

{{/*
A pod that is deleted accepts connections until no Service leads to it any more.
*/}}
{{- define "branchline.leave" -}}
lifecycle:
  preStop:
    sleep:
      seconds: 5
{{- end }}

{{/*
An egress rule of a NetworkPolicy: DNS.
*/}}
{{- define "branchline.dns" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
  ports:
    - protocol: UDP
      port: 53
    - protocol: TCP
      port: 53
{{- end }}
