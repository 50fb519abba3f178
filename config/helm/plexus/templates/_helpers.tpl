{{- define "plexus.name" -}}
{{- printf "%s-plexus" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "plexus.selector" -}}
app.kubernetes.io/name: plexus
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "plexus.labels" -}}
{{ include "plexus.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end -}}
