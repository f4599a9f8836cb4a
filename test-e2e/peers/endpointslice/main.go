// Prints the ports of the EndpointSlices that Kubernetes makes for a Service and one ready pod of a Deployment, as JSON.
// The arguments are both objects as JSON. The code of the EndpointSlice controller has the version of go.mod.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/record"
	"k8s.io/endpointslice"
	"k8s.io/endpointslice/topologycache"
	"k8s.io/endpointslice/util"
	"k8s.io/klog/v2"
)

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	var service core.Service
	var deployment apps.Deployment
	check(json.Unmarshal([]byte(os.Args[1]), &service))
	check(json.Unmarshal([]byte(os.Args[2]), &deployment))
	complete(&service)
	pod := podOf(&deployment, service.Namespace)

	node := &core.Node{ObjectMeta: meta.ObjectMeta{Name: pod.Spec.NodeName}}
	client := fake.NewSimpleClientset(node)
	nodes := informers.NewSharedInformerFactory(client, 0).Core().V1().Nodes()
	check(nodes.Informer().GetStore().Add(node))
	reconciler := endpointslice.NewReconciler(client, nodes.Lister(), 100, util.NewEndpointSliceTracker(),
		topologycache.NewTopologyCache(), record.NewFakeRecorder(10), "endpointslice-controller.k8s.io")
	check(reconciler.Reconcile(klog.Background(), &service, []*core.Pod{pod}, nil, time.Now()))

	slices := must(client.DiscoveryV1().EndpointSlices(service.Namespace).List(context.Background(), meta.ListOptions{}))
	ports := map[string]int32{}
	for _, slice := range slices.Items {
		for _, port := range slice.Ports {
			if port.Port != nil && len(slice.Endpoints) > 0 {
				ports[*port.Name] = *port.Port
			}
		}
	}
	check(json.NewEncoder(os.Stdout).Encode(ports))
}

// The API server sets these fields.
func complete(service *core.Service) {
	service.Spec.ClusterIP = "10.0.0.10"
	service.Spec.IPFamilies = []core.IPFamily{core.IPv4Protocol}
	for i := range service.Spec.Ports {
		service.Spec.Ports[i].Protocol = core.ProtocolTCP
	}
}

func podOf(deployment *apps.Deployment, namespace string) *core.Pod {
	template := deployment.Spec.Template
	for _, containers := range [][]core.Container{template.Spec.InitContainers, template.Spec.Containers} {
		for i := range containers {
			for j := range containers[i].Ports {
				containers[i].Ports[j].Protocol = core.ProtocolTCP
			}
		}
	}
	template.Spec.NodeName = "node"
	return &core.Pod{
		ObjectMeta: meta.ObjectMeta{Name: "pod", Namespace: namespace, Labels: template.Labels},
		Spec:       template.Spec,
		Status: core.PodStatus{
			Phase:      core.PodRunning,
			PodIP:      "10.1.0.5",
			PodIPs:     []core.PodIP{{IP: "10.1.0.5"}},
			Conditions: []core.PodCondition{{Type: core.PodReady, Status: core.ConditionTrue}},
		},
	}
}
