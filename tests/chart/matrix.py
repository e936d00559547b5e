"""Values that the chart is rendered with, and such as it must refuse."""

from typing import Any, Final

STORE: Final = "0123456789abcdef0123456789abcdef"
_OIDC: Final = {"issuer": "https://login.hospital.example/realms/a", "audience": "dicomweb"}
MINIMAL: Final[dict[str, Any]] = {
    "settings": {"GATEWAY_DATASTORE_ID": STORE},
    "identity": {"oidc": _OIDC, "policyConfigMap": "rules"},
}
KUBERNETES: Final = ("1.30", "1.34", "1.37")

_POSTGRESQL: Final = {"GATEWAY_CATALOG_URL": {"name": "gateway-database", "key": "url"}}
_INGRESS: Final = {"enabled": True, "host": "dicom.hospital.example"}
_POLICY: Final = """\
[[rule]]
claims = { groups = ["radiology"], scope = "imaging" }
datastores = ["default"]
actions = ["search", "read"]
"""
_SYSLOG: Final = {
    "kind": "syslog",
    "syslog": {"url": "tls://arr.hospital.example:6514", "caSecret": "arr-ca"},
}
_TLS: Final = {**_INGRESS, "tlsSecret": "dicom-tls"}


def settings(**changed: Any) -> dict[str, Any]:
    """Values with these settings beside what every release needs."""
    return {"settings": {**MINIMAL["settings"], **changed}}


GOOD: Final[dict[str, dict[str, Any]]] = {
    "minimal": MINIMAL,
    "one pod": {"replicaCount": 1},
    "a policy of the release": {"identity": {"oidc": _OIDC, "policy": _POLICY}},
    "pass-through": {"identity": {"oidc": _OIDC, "passThrough": True}},
    "keys alone": {"identity": {"apiKeys": {"existingSecret": "keys", "key": "keys.txt"}}},
    "links of all pods": {
        "identity": {
            "apiKeys": {"existingSecret": "keys"},
            "linkKey": {"existingSecret": "links", "key": "hmac"},
            "anonymous": "search,rendered",
        }
    },
    "everybody": {"identity": {"anonymous": "all"}},
    "audit lines": {"audit": {"kind": "json"}},
    "audit lines without a volume": {
        "audit": {"kind": "json", "spool": {"kind": "emptyDir", "sizeMiB": 64}}
    },
    "audit by syslog": {"audit": _SYSLOG, "networkPolicy": {"syslogCIDR": "10.4.0.9/32"}},
    "audit by syslog in the clear": {
        **settings(GATEWAY_WORKERS=2, GATEWAY_AUDIT_SITE_ID="hospital", GATEWAY_AUDIT_WAIT=True),
        "audit": {
            "kind": "syslog",
            "syslog": {"url": "tcp://10.4.0.9:601"},
            "spool": {"storageClassName": "gp3"},
        },
        "networkPolicy": {"enabled": False},
        "autoscaling": {"enabled": True},
    },
    "dashboard": {"dashboard": {"enabled": True, "annotations": {"grafana_folder": "Imaging"}}},
    "metrics for a key": {
        "networkPolicy": {"enabled": False},
        "serviceMonitor": {
            "enabled": True,
            "authorization": {"credentials": {"name": "scrape", "key": "token"}},
        },
    },
    "metrics for whom the policy lets in": {"serviceMonitor": {"enabled": True}},
    "several pods and PostgreSQL": {
        "replicaCount": 5,
        "settingsFrom": _POSTGRESQL,
        "networkPolicy": {"postgresqlCIDR": "10.2.0.0/16"},
    },
    "Valkey of its own": {"valkey": {"enabled": True}},
    "Valkey with a password": {"valkey": {"enabled": True, "existingSecret": "valkey"}},
    "Valkey elsewhere": {
        "settingsFrom": {"GATEWAY_SHARED_CACHE_URL": {"name": "cache", "key": "url"}},
        "networkPolicy": {"sharedCacheCIDR": "10.3.0.5/32", "sharedCachePort": 6380},
    },
    "ingress": {"ingress": _INGRESS},
    "ingress with TLS": {"ingress": _TLS},
    "ingress of another controller": {
        "ingress": {**_TLS, "hashing": "none", "className": "alb", "annotations": {"a.b/c": "d"}}
    },
    "IRSA": {
        "serviceAccount": {
            "roleArn": "arn:aws:iam::123456789012:role/dicomweb-gateway",
            "annotations": {"eks.amazonaws.com/sts-regional-endpoints": "true"},
        }
    },
    "Pod Identity": {
        "serviceAccount": {"create": False, "name": "imaging"},
        "networkPolicy": {"podIdentity": True},
    },
    "volume of each pod": {
        "cache": {"kind": "ephemeral", "sizeMiB": 102_400, "storageClassName": "gp3"}
    },
    "volume that exists": {
        "replicaCount": 1,
        "cache": {"kind": "claim", "existingClaim": "gateway-cache"},
    },
    "autoscaling": {"autoscaling": {"enabled": True}},
    "autoscaling on CPU alone": {"autoscaling": {"enabled": True, "targetQueueDepth": 0}},
    "no NetworkPolicy": {
        "networkPolicy": {"enabled": False},
        "podDisruptionBudget": {"enabled": False},
        "valkey": {"enabled": True},
    },
    "ServiceMonitor": {
        "serviceMonitor": {
            "enabled": True,
            "labels": {"release": "prometheus"},
            "authorization": {"credentials": {"name": "scrape", "key": "token"}},
        }
    },
    "workers": {
        **settings(GATEWAY_WORKERS=4),
        "resources": {"requests": {"cpu": 4, "memory": "8Gi"}, "limits": {"cpu": "4500m"}},
    },
    "no resources": {"resources": {"requests": {"cpu": None}, "limits": None}},
    "numbers": settings(
        GATEWAY_FRAME_CACHE_MB=20_000_000,
        GATEWAY_SEARCH_TTL=0.5,
        GATEWAY_CATALOG="off",
        GATEWAY_DECODE_THREADS=3,
        GATEWAY_PUBLIC_URL="https://elsewhere.example",
    ),
    "time to drain": {
        **settings(GATEWAY_DRAIN_DELAY=0.5, GATEWAY_DRAIN_SECONDS=250),
        "terminationGracePeriodSeconds": 300,
    },
    "names": {"nameOverride": "pictures", "fullnameOverride": "g" * 63, "ingress": _TLS},
    "everything": {
        **settings(GATEWAY_QUOTAS="GetImageFrame=250", GATEWAY_TRUSTED_PROXIES="10.0.0.0/8"),
        "identity": {
            "oidc": _OIDC,
            "policy": _POLICY,
            "apiKeys": {"existingSecret": "machines"},
            "linkKey": {"existingSecret": "links"},
        },
        "audit": {**_SYSLOG, "syslog": {**_SYSLOG["syslog"], "certificateSecret": "arr-client"}},
        "dashboard": {"enabled": True},
        "image": {"repository": "registry.example/gateway", "digest": f"sha256:{'0' * 64}"},
        "imagePullSecrets": [{"name": "registry"}],
        "settingsFrom": _POSTGRESQL,
        "secretFiles": [{"name": "keys", "secret": "api-keys"}],
        "extraEnv": [{"name": "AWS_REGION", "value": "eu-central-1"}],
        "extraVolumes": [{"name": "ca", "configMap": {"name": "hospital-ca"}}],
        "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/hospital", "readOnly": True}],
        "podAnnotations": {"a.example/b": "c"},
        "podLabels": {"team": "imaging"},
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "imaging", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "clinical",
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"app.kubernetes.io/component": "gateway"}},
            }
        ],
        "cache": {"kind": "ephemeral"},
        "service": {"port": 8443, "annotations": {"x.example/y": "z"}},
        "ingress": _TLS,
        "autoscaling": {"enabled": True},
        "networkPolicy": {
            "postgresqlCIDR": "10.2.0.0/16",
            "podIdentity": True,
            "syslogCIDR": "10.4.0.9/32",
            "extraIngress": [{"from": [{"podSelector": {"matchLabels": {"app": "ohif"}}}]}],
            "extraEgress": [{"to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}]}],
        },
        "serviceAccount": {"roleArn": "arn:aws:iam::123456789012:role/dicomweb-gateway"},
        "serviceMonitor": {"enabled": True},
        "valkey": {"enabled": True, "existingSecret": "valkey", "maxMemoryMiB": 4096},
    },
}

BAD: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "nobody who may ask": ({"identity": {}}, "identity does not say who may ask"),
    "nobody who may ask but the chart's own default": (
        {"identity": {"anonymous": "auto", "linkKey": {"existingSecret": "links"}}},
        "identity does not say who may ask",
    ),
    "rules for nobody's tokens": (
        {"identity": {"policyConfigMap": "rules"}},
        "identity does not say who may ask",
    ),
    "an issuer without an audience": (
        {"identity": {"oidc": {"issuer": "https://a.example"}}},
        "identity.oidc.issuer needs identity.oidc.audience",
    ),
    "pass-through without an issuer": (
        {"identity": {"passThrough": True, "anonymous": "all"}},
        "identity.passThrough needs identity.oidc.issuer",
    ),
    "two policies": (
        {"identity": {"oidc": _OIDC, "policy": _POLICY, "policyConfigMap": "rules"}},
        "two policies",
    ),
    "an action that is none": ({"identity": {"anonymous": "everything"}}, "anonymous"),
    "identity as a setting": (settings(GATEWAY_ANONYMOUS="all"), "GATEWAY_ANONYMOUS"),
    "a link key in the open": (settings(GATEWAY_LINK_KEY="k" * 32), "GATEWAY_LINK_KEY"),
    "audit as a setting": (settings(GATEWAY_AUDIT="json"), "GATEWAY_AUDIT"),
    "a repository that is none": ({"audit": {"kind": "syslog"}}, "audit.syslog.url"),
    "a repository by another way": (
        {"audit": {"kind": "syslog", "syslog": {"url": "https://arr.example"}}},
        "url",
    ),
    "a repository that cannot be reached": (
        {"audit": _SYSLOG},
        "audit.kind syslog needs networkPolicy.syslogCIDR",
    ),
    "a monitor that may not": (
        {"serviceMonitor": {"enabled": True}, "networkPolicy": {"enabled": False}},
        "serviceMonitor.authorization is needed",
    ),
    "a monitor that may not by a setting": (
        {**settings(GATEWAY_METRICS_ACCESS="auto"), "serviceMonitor": {"enabled": True}},
        "serviceMonitor.authorization is needed",
    ),
    "no data store": ({"settings": {"GATEWAY_LOG_LEVEL": "info"}}, "GATEWAY_DATASTORE_ID"),
    "a wrong data store": (settings(GATEWAY_DATASTORE_ID="short"), "GATEWAY_DATASTORE_ID"),
    "an unknown setting": (settings(GATEWAY_FRAME_CACHE=1), "GATEWAY_FRAME_CACHE"),
    "a number that is text": (settings(GATEWAY_FRAME_CACHE_MB="much"), "GATEWAY_FRAME_CACHE_MB"),
    "a number too large": (settings(GATEWAY_PREFETCH_PERCENT=91), "GATEWAY_PREFETCH_PERCENT"),
    "a word of another list": (settings(GATEWAY_NEGOTIATION="loose"), "GATEWAY_NEGOTIATION"),
    "off without quotes": (settings(GATEWAY_CATALOG=False), "GATEWAY_CATALOG"),
    "a password in the open": (
        settings(GATEWAY_CATALOG_URL="postgresql://a:b@c/d"),
        "GATEWAY_CATALOG_URL",
    ),
    "a setting of the chart": (settings(GATEWAY_PORT=9000), "GATEWAY_PORT"),
    "an unknown setting from a secret": (
        {"settingsFrom": {"GATEWAY_CATALOGUE_URL": {"name": "a", "key": "b"}}},
        "GATEWAY_CATALOGUE_URL",
    ),
    "a secret without its key": (
        {"settingsFrom": {"GATEWAY_CATALOG_URL": {"name": "a"}}},
        "key",
    ),
    "a setting given twice": (
        {
            **settings(GATEWAY_REGION="eu-central-1"),
            "settingsFrom": {"GATEWAY_REGION": {"name": "a", "key": "b"}},
        },
        "GATEWAY_REGION is in settings and in settingsFrom",
    ),
    "a setting as another variable": (
        {"extraEnv": [{"name": "GATEWAY_PORT", "value": "1"}]},
        "extraEnv",
    ),
    "an unknown value": ({"replicas": 2}, "replicas"),
    "an unknown value further in": ({"ingress": {"hosts": []}}, "hosts"),
    "no pod": ({"replicaCount": 0}, "replicaCount"),
    "an ingress without a host": ({"ingress": {"enabled": True}}, "host"),
    "one claim for two pods": (
        {"cache": {"kind": "claim", "existingClaim": "a"}},
        "cache.kind claim is for one pod",
    ),
    "no claim": ({"replicaCount": 1, "cache": {"kind": "claim"}}, "cache.existingClaim"),
    "less time than it drains": (
        {"terminationGracePeriodSeconds": 30},
        "terminationGracePeriodSeconds must be 38 at least",
    ),
    "two shared caches": (
        {
            "valkey": {"enabled": True},
            "settingsFrom": {"GATEWAY_SHARED_CACHE_URL": {"name": "a", "key": "b"}},
        },
        "two shared caches",
    ),
    "a role that is none": ({"serviceAccount": {"roleArn": "gateway"}}, "roleArn"),
    "a digest that is none": ({"image": {"digest": "sha256:1"}}, "digest"),
    "liveness that follows HealthImaging": (
        {"probes": {"liveness": {"path": "/readyz"}}},
        "liveness",
    ),
    "a range turned round": (
        {"autoscaling": {"enabled": True, "minReplicas": 9}},
        "autoscaling.minReplicas",
    ),
}
