// Runs the C# cells of a Polyglot notebook one after another, as the notebook's kernel does, and writes their outputs into it:
//   NotebookRunner NOTEBOOK.ipynb
// The packages that the notebook asks for (#r "nuget: ...") are this project's own references. A cell that fails ends the run and
// leaves the notebook as it was.
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.Scripting;
using NotebookRunner;

if (args.Length != 1)
{
    Console.Error.WriteLine("usage: NotebookRunner NOTEBOOK.ipynb");
    return 2;
}

var path = Path.GetFullPath(args[0]);
var notebook = JsonNode.Parse(File.ReadAllText(path))!;
Directory.SetCurrentDirectory(Path.GetDirectoryName(path)!);
var options = ScriptOptions.Default
    .WithReferences(AppDomain.CurrentDomain.GetAssemblies().Where(a => !a.IsDynamic && a.Location.Length > 0))
    .AddReferences(Directory.GetFiles(AppContext.BaseDirectory, "*.dll").Where(IsManaged).Select(f => Microsoft.CodeAnalysis.MetadataReference.CreateFromFile(f)))
    .WithImports("System", "System.IO", "System.Linq", "System.Collections.Generic", "System.Threading.Tasks");
var console = Console.Out;
var cells = new CellOutputs();
ScriptState? state = null;
var count = 0;
foreach (var cell in notebook["cells"]!.AsArray().Where(c => c!["cell_type"]!.GetValue<string>() == "code"))
{
    var code = string.Concat(cell!["source"]!.AsArray().Select(l => l!.GetValue<string>()).Where(l => !l.StartsWith("#r ", StringComparison.Ordinal) && !l.StartsWith("#i ", StringComparison.Ordinal)));
    console.WriteLine($"cell {++count}");
    using var output = new StringWriter();
    Console.SetOut(output);
    cells.Clear();
    state = state is null ? await CSharpScript.RunAsync(code, options, cells) : await state.ContinueWithAsync(code, options);
    Console.SetOut(console);
    cell["execution_count"] = count;
    cell["outputs"] = cells.ToJson(output.ToString());
}

File.WriteAllText(path + ".new", notebook.ToJsonString(new JsonSerializerOptions { WriteIndented = true, IndentSize = 1, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n");
File.Move(path + ".new", path, overwrite: true);
return 0;

static bool IsManaged(string file)
{
    using var reader = new System.Reflection.PortableExecutable.PEReader(File.OpenRead(file));
    return reader.HasMetadata;
}
