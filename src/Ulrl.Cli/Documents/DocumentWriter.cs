using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Ulrl.Cli.Documents;

/// <summary>Serialises machine output; compiled ahead, so that starting stays quick.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(InspectionDocument))]
[JsonSerializable(typeof(EvaluationDocument))]
[JsonSerializable(typeof(GradientsDocument))]
[JsonSerializable(typeof(ConversionDocument))]
internal sealed partial class DocumentWriter : JsonSerializerContext
{
    public static void Write<T>(Terminal terminal, T document, JsonTypeInfo<T> type) =>
        terminal.WriteLine(JsonSerializer.Serialize(document, type));
}
