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

{{- /* Seconds to be told about, to drain, and for a supervisor of workers to wait longer. */ -}}
{{- define "gateway.leastGrace" -}}
{{- $drain := default 20 (get .Values.settings "GATEWAY_DRAIN_SECONDS") -}}
{{- $delay := default 0 (get .Values.settings "GATEWAY_DRAIN_DELAY") -}}
{{- add (int (ceil $drain)) (int (ceil $delay)) 10 -}}
{{- end -}}

{{- define "gateway.several" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1) -}}true{{- end -}}
{{- end -}}

{{- define "gateway.identified" -}}
{{- if or .Values.identity.oidc.issuer .Values.identity.apiKeys.existingSecret -}}true{{- end -}}
{{- end -}}

{{- /* StatefulSet where each pod has to find its own volume again. */ -}}
{{- define "gateway.kind" -}}
{{- if and (ne .Values.audit.kind "off") (eq .Values.audit.spool.kind "claim") -}}StatefulSet
{{- else -}}Deployment{{- end -}}
{{- end -}}

{{- /* Secrets and ConfigMaps as read-only folders: name, kind of volume, and its source. */ -}}
{{- define "gateway.files" -}}
{{- $found := list -}}
{{- with .Values.identity -}}
{{- $policy := ternary (printf "%s-policy" (include "gateway.fullname" $)) .policyConfigMap (ne .policy "") -}}
{{- with $policy -}}
{{- $found = append $found (dict "name" "policy" "kind" "configMap" "source" (dict "name" .)) -}}
{{- end -}}
{{- with .apiKeys.existingSecret -}}
{{- $found = append $found (dict "name" "api-keys" "kind" "secret" "source" (dict "secretName" .)) -}}
{{- end -}}
{{- end -}}
{{- if eq .Values.audit.kind "syslog" -}}
{{- with .Values.audit.syslog.caSecret -}}
{{- $found = append $found (dict "name" "audit-ca" "kind" "secret" "source" (dict "secretName" .)) -}}
{{- end -}}
{{- with .Values.audit.syslog.certificateSecret -}}
{{- $found = append $found (dict "name" "audit-certificate" "kind" "secret" "source" (dict "secretName" .)) -}}
{{- end -}}
{{- end -}}
{{- range .Values.secretFiles -}}
{{- $source := dict "secretName" .secret -}}
{{- $found = append $found (dict "name" (printf "secret-%s" .name) "kind" "secret" "source" $source "path" (printf "/etc/gateway/%s" .name)) -}}
{{- end -}}
{{- range $found -}}
{{- if eq .kind "secret" -}}{{- $_ := set .source "defaultMode" 0o440 -}}{{- end -}}
{{- if not .path -}}{{- $_ := set . "path" (printf "/etc/dicomweb-gateway/%s" .name) -}}{{- end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{- /* Settings that follow from other values. */ -}}
{{- define "gateway.derived" -}}
{{- $files := "/etc/dicomweb-gateway" -}}
{{- $found := dict -}}
{{- with .Values.identity -}}
{{- with .oidc.issuer -}}{{- $_ := set $found "GATEWAY_OIDC_ISSUER" . -}}{{- end -}}
{{- with .oidc.audience -}}{{- $_ := set $found "GATEWAY_OIDC_AUDIENCE" . -}}{{- end -}}
{{- if .passThrough -}}{{- $_ := set $found "GATEWAY_IDENTITY" "pass-through" -}}{{- end -}}
{{- if or .policy .policyConfigMap -}}{{- $_ := set $found "GATEWAY_POLICY_FILE" (printf "%s/policy/policy.toml" $files) -}}{{- end -}}
{{- if .apiKeys.existingSecret -}}{{- $_ := set $found "GATEWAY_API_KEYS_FILE" (printf "%s/api-keys/%s" $files .apiKeys.key) -}}{{- end -}}
{{- if ne .anonymous "auto" -}}{{- $_ := set $found "GATEWAY_ANONYMOUS" .anonymous -}}{{- end -}}
{{- end -}}
{{- if not (or (hasKey .Values.settings "GATEWAY_METRICS_ACCESS") (hasKey .Values.settingsFrom "GATEWAY_METRICS_ACCESS")) -}}
{{- $_ := set $found "GATEWAY_METRICS_ACCESS" (include "gateway.metricsAccess" .) -}}
{{- end -}}
{{- with .Values.audit -}}
{{- if ne .kind "off" -}}
{{- $_ := set $found "GATEWAY_AUDIT" .kind -}}
{{- $_ := set $found "GATEWAY_AUDIT_SPOOL_DIR" "/audit/spool" -}}
{{- $_ := set $found "GATEWAY_AUDIT_SPOOL_MB" .spool.sizeMiB -}}
{{- end -}}
{{- if eq .kind "syslog" -}}
{{- $_ := set $found "GATEWAY_AUDIT_SYSLOG_URL" .syslog.url -}}
{{- if .syslog.caSecret -}}{{- $_ := set $found "GATEWAY_AUDIT_SYSLOG_CA" (printf "%s/audit-ca/ca.crt" $files) -}}{{- end -}}
{{- if .syslog.certificateSecret -}}
{{- $_ := set $found "GATEWAY_AUDIT_SYSLOG_CERTIFICATE" (printf "%s/audit-certificate/tls.crt" $files) -}}
{{- $_ := set $found "GATEWAY_AUDIT_SYSLOG_KEY" (printf "%s/audit-certificate/tls.key" $files) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{- /* For anybody whom the NetworkPolicy lets in, unless Prometheus has a key. */ -}}
{{- define "gateway.metricsAccess" -}}
{{- $given := get .Values.settings "GATEWAY_METRICS_ACCESS" -}}
{{- default (ternary "public" "granted" (and .Values.networkPolicy.enabled (empty .Values.serviceMonitor.authorization))) $given -}}
{{- end -}}

{{- define "gateway.spoolMiB" -}}
{{- mul 4 (int64 .Values.audit.spool.sizeMiB) (int64 (default 1 (get .Values.settings "GATEWAY_WORKERS"))) -}}
{{- end -}}

{{- define "gateway.checkIdentity" -}}
{{- with .Values.identity -}}
{{- if and .passThrough (not .oidc.issuer) -}}{{ fail "identity.passThrough needs identity.oidc.issuer" }}{{- end -}}
{{- if not (or (include "gateway.identified" $) (ne .anonymous "auto")) -}}
{{ fail "identity does not say who may ask: give identity.oidc.issuer or identity.apiKeys.existingSecret or, if everybody may have everything, identity.anonymous=all" }}
{{- end -}}
{{- if and .oidc.issuer (not .oidc.audience) -}}{{ fail "identity.oidc.issuer needs identity.oidc.audience" }}{{- end -}}
{{- if and .policy .policyConfigMap -}}{{ fail "identity.policy and identity.policyConfigMap are two policies" }}{{- end -}}
{{- end -}}
{{- $guarded := or (include "gateway.identified" .) (ne .Values.identity.anonymous "all") -}}
{{- if and .Values.serviceMonitor.enabled $guarded (empty .Values.serviceMonitor.authorization) (ne (include "gateway.metricsAccess" .) "public") -}}
{{ fail "serviceMonitor.authorization is needed: /metrics is for whom `metrics` is granted, without networkPolicy.enabled or settings.GATEWAY_METRICS_ACCESS=public" }}
{{- end -}}
{{- end -}}

{{- define "gateway.checkAudit" -}}
{{- if eq .Values.audit.kind "syslog" -}}
{{- if not .Values.audit.syslog.url -}}{{ fail "audit.kind syslog needs audit.syslog.url" }}{{- end -}}
{{- with .Values.networkPolicy -}}
{{- if and .enabled (not .syslogCIDR) (not .extraEgress) -}}
{{ fail "audit.kind syslog needs networkPolicy.syslogCIDR: else messages cannot leave the pod" }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "gateway.check" -}}
{{- include "gateway.checkIdentity" . -}}
{{- include "gateway.checkAudit" . -}}
{{- if eq .Values.cache.kind "claim" -}}
{{- if include "gateway.several" . -}}{{ fail "cache.kind claim is for one pod: replicaCount 1 and no autoscaling" }}{{- end -}}
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
{{ fail (printf "terminationGracePeriodSeconds must be %d at least: the time to drain, and the delay before it" (int $least)) }}
{{- end -}}
{{- end -}}
