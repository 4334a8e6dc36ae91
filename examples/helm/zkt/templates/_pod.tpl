{{- define "zkt.name" -}}
{{ printf "%s-zkt" .Release.Name | trunc 45 | trimSuffix "-" }}
{{- end }}

{{- define "zkt.labels" -}}
app.kubernetes.io/name: zkt
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Nobody gets a release that does nothing, or something else than was meant. */}}
{{- define "zkt.require" -}}
{{- $trees := .Values.trees }}
{{- if not .Values.image.repository }}{{ fail "image.repository must be given: an image of zkt's" }}{{ end }}
{{- if not .Values.zookeeper.connect }}{{ fail "zookeeper.connect must be given: zk1:2181,zk2:2181" }}{{ end }}
{{- if eq (empty $trees.git.repository) (empty $trees.configMap) }}
{{- fail "one of trees.git.repository and trees.configMap must be given" }}
{{- end }}
{{- end }}

{{- define "zkt.closed" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "zkt.pod" -}}
serviceAccountName: {{ .Values.serviceAccount }}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65533
  runAsGroup: 65533
  fsGroup: 65533
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: trees
{{- if .Values.trees.configMap }}
    configMap: {name: {{ .Values.trees.configMap | quote }}}
{{- else }}
    emptyDir: {}
  - name: tmp
    emptyDir: {}
{{- with .Values.trees.git.sshSecret }}
  - name: ssh
    secret: {secretName: {{ . | quote }}, defaultMode: 0400}
{{- end }}
{{- end }}
{{- end }}

{{- define "zkt.git-sync" -}}
{{- $git := .root.Values.trees.git -}}
- name: git-sync
  image: {{ $git.image | quote }}
  args:
    - {{ printf "--repo=%s" $git.repository | quote }}
    - {{ printf "--ref=%s" $git.ref | quote }}
    - --root=/trees
    - --link=current
    - {{ .mode | quote }}
{{- if $git.sshSecret }}
    - --ssh-key-file=/etc/git-secret/ssh
    - --ssh-known-hosts-file=/etc/git-secret/known_hosts
{{- end }}
{{- if $git.passwordSecret }}
  env:
    - name: GITSYNC_USERNAME
      valueFrom:
        secretKeyRef: {name: {{ $git.passwordSecret | quote }}, key: username}
    - name: GITSYNC_PASSWORD
      valueFrom:
        secretKeyRef: {name: {{ $git.passwordSecret | quote }}, key: password}
{{- end }}
  resources: {{- toYaml $git.resources | nindent 4 }}
  {{- include "zkt.closed" . | nindent 2 }}
  volumeMounts:
    - {name: trees, mountPath: /trees}
    - {name: tmp, mountPath: /tmp}
{{- if $git.sshSecret }}
    - {name: ssh, mountPath: /etc/git-secret, readOnly: true}
{{- end }}
{{- end }}

{{- define "zkt.image" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- define "zkt.layers" -}}
{{- $root := ternary "/trees" "/trees/current" (not (empty .Values.trees.configMap)) }}
{{- range .Values.layers }}
- {{ printf "%s/%s" $root . | clean | quote }}
{{- end }}
{{- end }}

{{- define "zkt.env" -}}
- {name: ZKT_CONNECT, value: {{ .Values.zookeeper.connect | quote }}}
{{- with .Values.zookeeper.authSecret }}
- name: ZKT_AUTH
  valueFrom:
    secretKeyRef: {name: {{ . | quote }}, key: {{ $.Values.zookeeper.authKey | quote }}}
{{- end }}
{{- end }}
