// Package main is a stand-in for Infomaniak's Terraform provider, with the one resource that terraform/examples/dns has.
//
// record.json holds the attributes of release 1.1.9. Records are made, read and removed through the API at
// INFOMANIAK_HOST, with what the provider sends.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/objectvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	providerschema "github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

//go:embed record.json
var table []byte

// attribute is a row of record.json; it is optional unless it is required or computed.
type attribute struct {
	Type       string               `json:"type"`
	Required   bool                 `json:"required"`
	Computed   bool                 `json:"computed"`
	Replaces   bool                 `json:"replaces"`
	Default    *int64               `json:"default"`
	OneOf      []string             `json:"one_of"`
	Conflicts  string               `json:"conflicts"`
	Attributes map[string]attribute `json:"attributes"`
}

func (row attribute) built() schema.Attribute {
	optional := !row.Required && (!row.Computed || row.Default != nil)
	switch row.Type {
	case "object":
		built := schema.SingleNestedAttribute{Optional: optional, Attributes: attributes(row.Attributes)}
		if row.Conflicts != "" {
			built.Validators = []validator.Object{objectvalidator.ConflictsWith(path.MatchRoot(row.Conflicts))}
		}
		return built
	case "integer":
		built := schema.Int64Attribute{Required: row.Required, Optional: optional, Computed: row.Computed}
		if row.Computed {
			built.PlanModifiers = []planmodifier.Int64{int64planmodifier.UseStateForUnknown()}
		}
		if row.Default != nil {
			built.Default = int64default.StaticInt64(*row.Default)
		}
		return built
	}
	built := schema.StringAttribute{Required: row.Required, Optional: optional, Computed: row.Computed}
	if row.Replaces {
		built.PlanModifiers = []planmodifier.String{stringplanmodifier.RequiresReplace()}
	}
	if row.OneOf != nil {
		built.Validators = append(built.Validators, stringvalidator.OneOf(row.OneOf...))
	}
	if row.Conflicts != "" {
		built.Validators = append(built.Validators, stringvalidator.ConflictsWith(path.MatchRoot(row.Conflicts)))
	}
	return built
}

func attributes(rows map[string]attribute) map[string]schema.Attribute {
	built := map[string]schema.Attribute{}
	for name, row := range rows {
		built[name] = row.built()
	}
	return built
}

type model struct {
	Zone           types.String `tfsdk:"zone_fqdn"`
	Type           types.String `tfsdk:"type"`
	Source         types.String `tfsdk:"source"`
	Description    types.String `tfsdk:"description"`
	TTL            types.Int64  `tfsdk:"ttl"`
	Target         types.String `tfsdk:"target"`
	ComputedTarget types.String `tfsdk:"computed_target"`
	Data           types.Object `tfsdk:"data"`
	ID             types.Int64  `tfsdk:"id"`
}

// rawTarget returns the target as a zone file has it, for the types that the example uses.
func (record model) rawTarget() (string, error) {
	if !record.Target.IsNull() {
		return record.Target.ValueString(), nil
	}
	text := func(name string) string {
		value, _ := record.Data.Attributes()[name].(types.String)
		return value.ValueString()
	}
	switch kind := record.Type.ValueString(); kind {
	case "A", "AAAA":
		address, err := netip.ParseAddr(text("ip"))
		if err != nil || address.Is4() != (kind == "A") {
			return "", fmt.Errorf("%q is no address for a record of the type %s", text("ip"), kind)
		}
		return address.String(), nil
	case "MX":
		priority, _ := record.Data.Attributes()["priority"].(types.Int64)
		return fmt.Sprintf("%d %s.", priority.ValueInt64(), strings.TrimSuffix(text("target"), ".")), nil
	case "TXT":
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text("value")) + `"`, nil
	default:
		return "", fmt.Errorf("the stand-in makes no records of the type %s", kind)
	}
}

type recordResource struct{}

func (recordResource) Metadata(_ context.Context, request resource.MetadataRequest, response *resource.MetadataResponse) {
	response.TypeName = request.ProviderTypeName + "_record"
}

func (recordResource) Schema(_ context.Context, _ resource.SchemaRequest, response *resource.SchemaResponse) {
	var rows map[string]attribute
	if err := json.Unmarshal(table, &rows); err != nil {
		response.Diagnostics.AddError("record.json", err.Error())
	}
	response.Schema = schema.Schema{Attributes: attributes(rows)}
}

func (recordResource) ModifyPlan(ctx context.Context, request resource.ModifyPlanRequest, response *resource.ModifyPlanResponse) {
	if request.Plan.Raw.IsNull() {
		return
	}
	var record model
	response.Diagnostics.Append(request.Plan.Get(ctx, &record)...)
	target, err := record.rawTarget()
	if err != nil {
		response.Diagnostics.AddError("Wrong record", err.Error())
		return
	}
	response.Diagnostics.Append(response.Plan.SetAttribute(ctx, path.Root("computed_target"), target)...)
}

func (recordResource) Create(ctx context.Context, request resource.CreateRequest, response *resource.CreateResponse) {
	var record model
	response.Diagnostics.Append(request.Plan.Get(ctx, &record)...)
	made, err := ask("POST", record.records(), map[string]any{
		"type":   record.Type.ValueString(),
		"source": record.Source.ValueString(),
		"target": record.ComputedTarget.ValueString(),
		"ttl":    record.TTL.ValueInt64(),
	})
	if err != nil {
		response.Diagnostics.AddError("Error when creating Record", err.Error())
		return
	}
	record.ID = types.Int64Value(made.ID)
	response.Diagnostics.Append(response.State.Set(ctx, &record)...)
}

func (recordResource) Read(ctx context.Context, request resource.ReadRequest, response *resource.ReadResponse) {
	var record model
	response.Diagnostics.Append(request.State.Get(ctx, &record)...)
	found, err := ask("GET", record.path(), nil)
	if err != nil {
		response.Diagnostics.AddError("Error when reading Record", err.Error())
		return
	}
	record.Source, record.Type, record.TTL = types.StringValue(found.Source), types.StringValue(found.Type), types.Int64Value(found.TTL)
	response.Diagnostics.Append(response.State.Set(ctx, &record)...)
}

func (recordResource) Update(_ context.Context, _ resource.UpdateRequest, response *resource.UpdateResponse) {
	response.Diagnostics.AddError("Error when updating Record", "the stand-in changes no records")
}

func (recordResource) Delete(ctx context.Context, request resource.DeleteRequest, response *resource.DeleteResponse) {
	var record model
	response.Diagnostics.Append(request.State.Get(ctx, &record)...)
	if _, err := ask("DELETE", record.path(), nil); err != nil {
		response.Diagnostics.AddError("Error when deleting Record", err.Error())
	}
}

func (record model) records() string {
	return fmt.Sprintf("/2/zones/%s/records", strings.TrimSuffix(record.Zone.ValueString(), "."))
}

func (record model) path() string {
	return fmt.Sprintf("%s/%d", record.records(), record.ID.ValueInt64())
}

type answer struct {
	ID     int64  `json:"id"`
	Source string `json:"source"`
	Type   string `json:"type"`
	TTL    int64  `json:"ttl"`
}

func ask(method, path string, body map[string]any) (answer, error) {
	var received struct {
		Data  json.RawMessage `json:"data"`
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	content, err := json.Marshal(body)
	if err != nil {
		return answer{}, err
	}
	request, err := http.NewRequest(method, os.Getenv("INFOMANIAK_HOST")+path, bytes.NewReader(content))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("INFOMANIAK_TOKEN"))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&received); err != nil {
		return answer{}, err
	}
	if received.Error.Code != "" {
		return answer{}, fmt.Errorf("%d %s", response.StatusCode, received.Error.Code)
	}
	var found answer
	if method == "DELETE" {
		return found, nil
	}
	return found, json.Unmarshal(received.Data, &found)
}

type infomaniak struct{}

func (infomaniak) Metadata(_ context.Context, _ provider.MetadataRequest, response *provider.MetadataResponse) {
	response.TypeName = "infomaniak"
}

func (infomaniak) Schema(_ context.Context, _ provider.SchemaRequest, response *provider.SchemaResponse) {
	response.Schema = providerschema.Schema{Attributes: map[string]providerschema.Attribute{
		"host":  providerschema.StringAttribute{Optional: true},
		"token": providerschema.StringAttribute{Optional: true, Sensitive: true},
	}}
}

func (infomaniak) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {
}

func (infomaniak) DataSources(context.Context) []func() datasource.DataSource { return nil }

func (infomaniak) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{func() resource.Resource { return recordResource{} }}
}

func main() {
	options := providerserver.ServeOpts{Address: "registry.terraform.io/infomaniak/infomaniak"}
	if err := providerserver.Serve(context.Background(), func() provider.Provider { return infomaniak{} }, options); err != nil {
		log.Fatal(err)
	}
}
