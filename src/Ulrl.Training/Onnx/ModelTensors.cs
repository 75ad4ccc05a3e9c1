using Google.Protobuf.Collections;
using Ulrl.Training.Onnx.Proto;

namespace Ulrl.Training.Onnx;

/// <summary>Visits every tensor of a model: initializers, sparse ones and attributes, in subgraphs and local functions too.</summary>
internal static class ModelTensors
{
    /// <summary>Calls <paramref name="visit"/> once for each tensor, in the order of the file's structure.</summary>
    public static void Visit(ModelProto model, Action<TensorProto> visit)
    {
        if (model.Graph is not null)
            VisitGraph(model.Graph, visit);
        foreach (FunctionProto function in model.Functions)
        {
            VisitAttributes(function.AttributeProto, visit);
            VisitNodes(function.Node, visit);
        }
    }

    private static void VisitGraph(GraphProto graph, Action<TensorProto> visit)
    {
        foreach (TensorProto tensor in graph.Initializer)
            visit(tensor);
        foreach (SparseTensorProto sparse in graph.SparseInitializer)
            VisitSparse(sparse, visit);
        VisitNodes(graph.Node, visit);
    }

    private static void VisitNodes(RepeatedField<NodeProto> nodes, Action<TensorProto> visit)
    {
        foreach (NodeProto node in nodes)
            VisitAttributes(node.Attribute, visit);
    }

    private static void VisitAttributes(RepeatedField<AttributeProto> attributes, Action<TensorProto> visit)
    {
        foreach (AttributeProto attribute in attributes)
        {
            if (attribute.T is not null)
                visit(attribute.T);
            if (attribute.G is not null)
                VisitGraph(attribute.G, visit);
            if (attribute.SparseTensor is not null)
                VisitSparse(attribute.SparseTensor, visit);
            foreach (TensorProto tensor in attribute.Tensors)
                visit(tensor);
            foreach (GraphProto graph in attribute.Graphs)
                VisitGraph(graph, visit);
            foreach (SparseTensorProto sparse in attribute.SparseTensors)
                VisitSparse(sparse, visit);
        }
    }

    private static void VisitSparse(SparseTensorProto sparse, Action<TensorProto> visit)
    {
        if (sparse.Values is not null)
            visit(sparse.Values);
        if (sparse.Indices is not null)
            visit(sparse.Indices);
    }
}
