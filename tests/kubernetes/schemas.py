"""The shape of the operators' objects that `infra/kubernetes` uses; of Kubernetes' own, kubernetes-validate knows it.

Written from the references of KEDA (ScaledObject) and of the Prometheus operator (PodMonitor, PrometheusRule): the
fields that are used, each with its type, and nothing else.
"""

from typing import Any, Final

_TEXT: Final = {"type": "string", "minLength": 1}
_TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string"}}
_COUNT: Final = {"type": "integer", "minimum": 0}
_DURATION: Final = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h|d))+$"}


def _object(required: str = "", **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required.split(),
        "properties": properties,
        "additionalProperties": False,
    }


def _list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1}


def _kind(api_version: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = _object("name", name=_TEXT, namespace=_TEXT, labels=_TEXTS)
    return _object(
        "apiVersion kind metadata spec", apiVersion={"const": api_version}, kind=_TEXT, metadata=metadata, spec=spec
    )


_SCALING: Final = _object(
    "policies",
    stabilizationWindowSeconds={"type": "integer", "minimum": 0, "maximum": 3600},
    policies=_list(
        _object(
            "type value periodSeconds",
            type={"enum": ["Percent", "Pods"]},
            value={"type": "integer", "minimum": 1},
            periodSeconds={"type": "integer", "minimum": 1, "maximum": 1800},
        )
    ),
)

# Every value of a trigger is text: KEDA refuses numbers.
_TRIGGER: Final = _object(
    "type metadata",
    type={"const": "prometheus"},
    name=_TEXT,
    metricType={"enum": ["AverageValue", "Value"]},
    metadata=_object(
        "serverAddress query threshold", serverAddress=_TEXT, query=_TEXT, threshold=_TEXT, activationThreshold=_TEXT
    ),
)

_RULE: Final = _object(
    "expr", alert=_TEXT, record=_TEXT, expr=_TEXT, labels=_TEXTS, annotations=_TEXTS, **{"for": _DURATION}
)

SCHEMAS: Final = {
    "ScaledObject": _kind(
        "keda.sh/v1alpha1",
        _object(
            "scaleTargetRef triggers",
            scaleTargetRef=_object("name", name=_TEXT),
            pollingInterval={"type": "integer", "minimum": 1},
            cooldownPeriod=_COUNT,
            minReplicaCount=_COUNT,
            maxReplicaCount={"type": "integer", "minimum": 1},
            fallback=_object(
                "failureThreshold replicas",
                failureThreshold=_COUNT,
                replicas=_COUNT,
                behavior={"enum": ["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"]},
            ),
            advanced=_object(
                horizontalPodAutoscalerConfig=_object(behavior=_object(scaleUp=_SCALING, scaleDown=_SCALING))
            ),
            triggers=_list(_TRIGGER),
        ),
    ),
    "PodMonitor": _kind(
        "monitoring.coreos.com/v1",
        _object(
            "selector podMetricsEndpoints",
            jobLabel=_TEXT,
            selector=_object(matchLabels=_TEXTS),
            podMetricsEndpoints=_list(
                _object("port", port=_TEXT, path=_TEXT, interval=_DURATION, scrapeTimeout=_DURATION)
            ),
        ),
    ),
    "PrometheusRule": _kind(
        "monitoring.coreos.com/v1",
        _object("groups", groups=_list(_object("name rules", name=_TEXT, interval=_DURATION, rules=_list(_RULE)))),
    ),
}
