{{- define "gateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* Names made of it have at most eight more characters, within the 63 of a label. */ -}}
{{- define "gateway.fullname" -}}
{{- $name := include "gateway.name" . -}}
{{- $joined := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $joined .Values.fullnameOverride | trunc 54 | trimSuffix "-" -}}
{{- end -}}

{{- define "gateway.selector" -}}
app.kubernetes.io/name: {{ include "gateway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end -}}

{{- define "valkey.selector" -}}
app.kubernetes.io/name: {{ include "gateway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: valkey
{{- end -}}

{{- define "gateway.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "gateway.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "gateway.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "gateway.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A value as the environment has it: whole numbers never as 1e+06. */ -}}
{{- define "gateway.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{- define "gateway.volumeMiB" -}}
{{- with .Values.cache -}}
{{- /* Its index and files half written come on top of what the setting allows. */ -}}
{{- add (div (mul (int64 .sizeMiB) 5) 4) (int64 .catalogMiB) -}}
{{- end -}}
{{- end -}}

{{- /* Seconds to leave the service, to drain, and for a supervisor of workers to wait longer. */ -}}
{{- define "gateway.leastGrace" -}}
{{- $drain := default 20 (get .Values.settings "GATEWAY_DRAIN_SECONDS") -}}
{{- $delay := default 0 (get .Values.settings "GATEWAY_DRAIN_DELAY") -}}
{{- add (int .Values.preStopSeconds) (int (ceil $drain)) (int (ceil $delay)) 10 -}}
{{- end -}}

{{- define "gateway.check" -}}
{{- $several := or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1) -}}
{{- if eq .Values.cache.kind "claim" -}}
{{- if $several -}}{{ fail "cache.kind claim is for one pod: replicaCount 1 and no autoscaling" }}{{- end -}}
{{- if not .Values.cache.existingClaim -}}{{ fail "cache.kind claim needs cache.existingClaim" }}{{- end -}}
{{- end -}}
{{- if and .Values.valkey.enabled (hasKey .Values.settingsFrom "GATEWAY_SHARED_CACHE_URL") -}}
{{ fail "valkey.enabled and settingsFrom.GATEWAY_SHARED_CACHE_URL are two shared caches" }}
{{- end -}}
{{- range $name, $_ := .Values.settingsFrom -}}
{{- if hasKey $.Values.settings $name -}}{{ fail (printf "%s is in settings and in settingsFrom" $name) }}{{- end -}}
{{- end -}}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) -}}
{{ fail "autoscaling.minReplicas is more than autoscaling.maxReplicas" }}
{{- end -}}
{{- $least := include "gateway.leastGrace" . -}}
{{- if and .Values.terminationGracePeriodSeconds (lt (int .Values.terminationGracePeriodSeconds) (int $least)) -}}
{{ fail (printf "terminationGracePeriodSeconds must be %d at least: preStopSeconds and the time to drain" (int $least)) }}
{{- end -}}
{{- end -}}
