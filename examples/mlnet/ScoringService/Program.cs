// Serves a purified pipeline over HTTP, without any reference to Ulrl:
//   ScoringService --Pipeline PIPELINE.zip [--urls http://localhost:5000]
//   POST /predict   an image file as the request's body; answers the class and the probability of each
//   GET  /health    whether the model answers
using ScoringService;

var builder = WebApplication.CreateBuilder(args);
var path = builder.Configuration["Pipeline"];
if (!File.Exists(path))
{
    Console.Error.WriteLine($"pipeline '{path}' does not exist; give the file with --Pipeline");
    return 2;
}

builder.Services.AddSingleton(_ => new PredictionPool(path));
builder.Services.AddHealthChecks().AddCheck<PipelineHealth>("pipeline");
var app = builder.Build();
app.MapHealthChecks("/health");
app.MapPost("/predict", PredictEndpoint.Run);
// Loaded before the first request, so that a damaged file ends the start.
app.Services.GetRequiredService<PredictionPool>();
app.Run();
return 0;
